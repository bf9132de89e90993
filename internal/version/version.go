// Package version says what this binary is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"agentctl/probes/aws"
)

// Set by the linker (-X agentctl/internal/version.number=...); see the Makefile.
// A plain go build leaves them empty, and what Go records by itself is used.
var (
	number   string
	revision string
	date     string
)

// Info is what `agentctl version`, the report and the build metric show.
type Info struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	BuildDate string `json:"build_date"` // RFC 3339, UTC
	GoVersion string `json:"go_version"`
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	DataDate  string `json:"data_date"` // of the built-in tables
}

// Get returns what is known of this binary; what is not known is "unknown".
func Get() Info {
	build, _ := debug.ReadBuildInfo()
	return read(build, number, revision, date)
}

func read(build *debug.BuildInfo, number, revision, date string) Info {
	info := Info{
		Version: number, Revision: revision, BuildDate: date,
		GoVersion: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, DataDate: aws.DataDate,
	}
	if build != nil {
		if v := build.Main.Version; info.Version == "" && v != "(devel)" {
			info.Version = strings.TrimPrefix(v, "v")
		}
		fill(&info.Revision, setting(build, "vcs.revision"))
		fill(&info.BuildDate, setting(build, "vcs.time")) // of the commit: the nearest that Go records
	}
	fill(&info.Version, "dev")
	fill(&info.Revision, "unknown")
	fill(&info.BuildDate, "unknown")
	return info
}

// String is the text of `agentctl version`.
func (i Info) String() string {
	return fmt.Sprintf("agentctl %s\nrevision:   %s\nbuilt:      %s\ngo:         %s\nplatform:   %s/%s\ndata as of: %s\n",
		i.Version, i.Revision, i.BuildDate, i.GoVersion, i.OS, i.Arch, i.DataDate)
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func setting(build *debug.BuildInfo, key string) string {
	for _, s := range build.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
