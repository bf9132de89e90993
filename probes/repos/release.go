package repos

import (
	"regexp"
	"strings"
)

// The package managers take $releasever from the package that provides
// system-release(releasever): the version that it gives with that name, else its
// own (dnf/rpm/__init__.py, detect_releasever; yum/config.py, _getsysver). The
// package database is no file that a reader of text can use, but the same
// package writes the release files:
//
//   - Amazon Linux 2023: the package's own version, 2023.8.20250707, the last
//     words of /etc/amazon-linux-release. This is the release lock;
//   - Amazon Linux 2: 2;
//   - Red Hat Enterprise Linux and Oracle 7: 7Server; CentOS 7: 7;
//   - everything later: the major version; Fedora: its number.
var amazonRelease = regexp.MustCompile(`release (2023\.[0-9][0-9.]*)`)

// amazonReleaseFiles name the release of Amazon Linux 2023, best first.
var amazonReleaseFiles = []string{"/etc/amazon-linux-release", "/etc/system-release", "/usr/lib/amazon-linux-release"}

// release is $releasever where no variable sets it; "" where it cannot be told.
func (r *reader) release() string {
	os := r.facts.OS
	major, _, _ := strings.Cut(os.Version, ".")
	switch {
	case os.ID == "amzn" && major == "2023":
		for _, name := range amazonReleaseFiles {
			data, err := r.host.ReadFile(name, maxVarFile)
			if err != nil {
				continue
			}
			if m := amazonRelease.FindSubmatch(data); m != nil {
				return string(m[1])
			}
		}
		return ""
	case (os.ID == "rhel" || os.ID == "ol") && major == "7":
		return "7Server"
	}
	return major
}
