package unit

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"agentctl/platform"
	"agentctl/probes"
	"agentctl/probes/ssmagent/unit/syntax"
)

// unitDirs is systemd's load path for system units, strongest first (systemd.unit(5)).
var unitDirs = [...]string{"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
	"/run/systemd/generator.early", "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late"}

// fromFiles tells from the unit files whether the service is there and whether it is
// enabled, for the one of the two names that says more. Nothing else can be told.
func fromFiles(host platform.Host) probes.AgentUnit {
	var found []loaded
	for _, name := range names {
		u, err := unitFile(host, name)
		if err != nil {
			return probes.AgentUnit{}
		}
		found = append(found, loaded{AgentUnit: u})
	}
	return found[chosen(found)].AgentUnit
}

// unitFile looks at one name. An error says that a folder may not be read.
func unitFile(host platform.Host, name string) (probes.AgentUnit, error) {
	u := probes.AgentUnit{Known: true, Source: probes.UnitFromFiles, Name: name, Load: "not-found"}
	for _, dir := range unitDirs {
		file := dir + "/" + name
		info, err := host.Stat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return u, err
		}
		u.File = file
		// systemctl(1) masks a unit by a link to /dev/null; an empty file counts, too.
		if info.Mode()&fs.ModeDevice != 0 || info.Mode().IsRegular() && info.Size() == 0 {
			u.Load, u.Enabled = "masked", "masked"
			if strings.HasPrefix(dir, "/run/") {
				u.Enabled = "masked-runtime"
			}
			return u, nil
		}
		u.Load = "error" // systemd cannot read what is no file
		if info.Mode().IsRegular() {
			u.Load = "loaded"
		}
		break
	}
	if u.Load != "loaded" {
		return u, nil
	}
	enabled, err := enablement(host, name)
	if err != nil {
		return u, err
	}
	u.Enabled = enabled
	if enabled == "" {
		u.Enabled = "disabled"
		data, err := host.ReadFile(u.File, maxFileBytes)
		if err != nil && !errors.Is(err, platform.ErrTooLarge) {
			u.Enabled = ""
		} else if len(syntax.Settings(data, "Install")) == 0 {
			u.Enabled = "static"
		}
	}
	return u, nil
}

// enablement looks for the links by which a target asks for the unit: "" is none.
func enablement(host platform.Host, name string) (string, error) {
	for _, place := range []struct{ dir, word string }{{"/etc/systemd/system", "enabled"}, {"/run/systemd/system", "enabled-runtime"}} {
		entries, err := host.ReadDir(place.dir, maxEntries)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil && !errors.Is(err, platform.ErrTooLarge) {
			return "", err
		}
		for _, e := range entries {
			kind := path.Ext(e.Name())
			if kind != ".wants" && kind != ".requires" {
				continue
			}
			links, err := host.ReadDir(place.dir+"/"+e.Name(), maxEntries)
			if err != nil && !errors.Is(err, platform.ErrTooLarge) {
				continue
			}
			for _, l := range links {
				if l.Name() == name {
					return place.word, nil
				}
			}
		}
	}
	return "", nil
}
