package aws

import "testing"

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]string{
		"3.3.2299.0": "3.3.2299.0", "3.3.40.0-1": "3.3.40.0", " 2.0.834.0\n": "2.0.834.0",
		"": "", "3.3.40": "", "3.3.40.0.1": "", "3.3.x.0": "", "3..40.0": "", "3.3.+40.0": "", "3.3.-1.0": "",
		"3.3.99999999999.0": "", "latest": "",
	} {
		v, ok := ParseVersion(s)
		if ok != (want != "") || (ok && v.String() != want) {
			t.Errorf("ParseVersion(%q) = %v, %v, want %q", s, v, ok, want)
		}
	}
	a, _ := ParseVersion("3.3.40.0")
	b, _ := ParseVersion("3.3.131.0") // as text it would come first
	if a.Compare(b) != -1 || b.Compare(a) != 1 || a.Compare(a) != 0 {
		t.Error("versions do not compare as numbers")
	}
}

func TestMessagesNeeded(t *testing.T) {
	tests := []struct {
		name, version, region string
		want                  Need
	}{
		{"last version with one channel", "3.1.820.0", "eu-west-1", NeedRequired},
		{"first version with both channels", "3.1.821.0", "eu-west-1", NeedOptional},
		{"last version with both channels", "3.3.39.0", "eu-west-1", NeedOptional},
		{"first version without", "3.3.40.0", "eu-west-1", NeedNone},
		{"today's version", "3.3.2299.0", "us-gov-west-1", NeedNone},
		{"very old version", "2.0.834.0", "us-east-1", NeedRequired},
		{"unknown version", "", "us-east-1", NeedOptional},
		{"junk version", "three", "us-east-1", NeedOptional},
		{"late 2023 region", "3.1.1.0", "ca-west-1", NeedRequired},
		{"2024 region, whatever the version", "3.1.1.0", "ap-southeast-5", NeedNone},
		{"2024 region, version unknown", "", "mx-central-1", NeedNone},
		{"European Sovereign Cloud", "", "eusc-de-east-1", NeedNone},
	}
	for _, tt := range tests {
		got, because := MessagesNeeded(tt.version, tt.region)
		if got != tt.want || because == "" {
			t.Errorf("%s: %s (%q), want %s", tt.name, got, because, tt.want)
		}
	}
}
