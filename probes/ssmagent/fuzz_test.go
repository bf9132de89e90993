package ssmagent

import (
	"strings"
	"testing"
	"time"

	"agentctl/probes"
	"agentctl/probes/ssmagent/unit/syntax"
)

func FuzzAgentConfig(f *testing.F) {
	f.Add([]byte(`{"Agent":{"Region":"eu-central-1"},"Mds":{"Endpoint":""}}`))
	f.Add([]byte("{\n\"Ssm\":{\"HealthFrequencyMinutes\":\"5\"}}"))
	f.Add([]byte("\xEF\xBB\xBF{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c probes.AgentConfig
		parseConfig(&c, data)
		if len(c.Region) > 512 || strings.ContainsAny(c.Region+c.Invalid, "\n\x1b") || len(c.Invalid) > 1024 {
			t.Fatalf("got %+v", c)
		}
	})
}

func FuzzIdentity(f *testing.F) {
	f.Add([]byte(`{"InstanceId":"i-1","CredentialsExpiresAt":"2026-11-23T16:13:57.438065612Z"}`))
	f.Add([]byte(`{"CredentialsExpiresAt":"0000-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var i probes.AgentIdentity
		parseIdentity(&i, data)
		if _, err := i.Expires.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzUnitEnvironment(f *testing.F) {
	f.Add("\"A=b\" C=d 'E=f' x%%y=z")
	f.Fuzz(func(t *testing.T, value string) {
		env := environment{}
		assign(env, value)
		for k := range env {
			if !syntax.ValidName(k) {
				t.Fatalf("takes the name %q", k)
			}
		}
	})
}

func FuzzScript(f *testing.F) {
	f.Add(testScript(f), "eu-central-1")
	f.Add("import x\ndownload_to((((((((((((((((((((\"a\"))))))))))))))))))))\n", "us-east-1")
	f.Add("region = [\ndownload_to(\"https://a.b/%s\" % (region))\nelse:\nelif not not region == \"x\":\n", "us-east-1")
	f.Fuzz(func(t *testing.T, script, region string) {
		started := time.Now()
		for _, u := range []string{downloaded([]byte(script)), literalURL([]byte(script))} {
			if u != "" && payload(u) != u {
				t.Fatalf("takes %q", u)
			}
		}
		if u, ok := evaluate(script, region); ok && payload(u) != u {
			t.Fatalf("takes %q", u)
		}
		if len(script) < 64<<10 && time.Since(started) > 2*time.Second {
			t.Fatalf("%d bytes take %v", len(script), time.Since(started))
		}
	})
}

func FuzzLogTail(f *testing.F) {
	f.Add([]byte("2026-11-22 10:00:00.1234 INFO [amazon-ssm-agent] amazon-ssm-agent - v3.3.987.0\nhttps://ssm.eu-central-1.amazonaws.com\n"))
	f.Add([]byte("agent_telemetry amazon-ssm-agent.start 3.3.1000.0 09:30:00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range []record{logStart(data, time.UTC), auditStart(data, time.Unix(0, 0))} {
			if r.version != "" && findVersion(r.version) != r.version {
				t.Fatalf("got %+v", r)
			}
		}
		if r := logRegion(data); r != "" && !regionForm.MatchString(r) {
			t.Fatalf("region %q", r)
		}
		notesVersion(data)
		dpkgVersion(data)
		snapVersion(data)
	})
}
