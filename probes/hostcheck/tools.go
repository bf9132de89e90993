package hostcheck

import (
	"path"
	"strings"

	"agentctl/probes"
)

// tools looks for the programs that a patch run calls. dnf-based systems "may"
// need zstd, xz and unzip to read repository data and patch files (AWS Systems
// Manager User Guide, "Patch Manager prerequisites", Additional package
// requirements): what is in dnf's cache tells which of the first two it is.
func (r *reader) tools() []probes.HostTool {
	dnf := r.in.Manager == "dnf"
	var seen map[string]string
	if dnf {
		seen = r.compressions()
	}
	out := []probes.HostTool{
		r.tool("curl", "curl", "curl"),
		r.tool("wget", "wget", "wget"),
		r.tool("tar", "tar", "tar"),
		r.tool("zstd", "zstd", "zstd"),
		r.tool("xz", "unxz", "xz"), // the payload calls it by this name
		r.tool("unzip", "unzip", "unzip"),
	}
	// The script takes wget where there is no curl.
	if isFalse(out[1].Present) {
		out[0].Needed, out[0].Sure, out[0].Because = true, true, "the patch script downloads its payload with curl, or with wget"
	}
	for i := range out {
		t := &out[i]
		if !dnf || t.Name != "zstd" && t.Name != "xz" && t.Name != "unzip" {
			continue
		}
		switch because := seen[t.Name]; {
		case because != "":
			t.Needed, t.Sure, t.Because = true, true, because
		case len(seen) > 0 && t.Name != "unzip":
			// Repository data is there, and none of it is compressed this way.
		default:
			t.Needed, t.Because = true, "Patch Manager may need it with dnf"
		}
	}
	return out
}

func (r *reader) tool(name, program, pkg string) probes.HostTool {
	t := probes.HostTool{Name: name, Package: pkg}
	if name == "xz" && (r.in.Manager == "apt") {
		t.Package = "xz-utils"
	}
	found, sure := r.lookup(program)
	switch {
	case found != "":
		t.Path, t.Present = found, ptr(true)
		t.Snap = strings.HasPrefix(found, snapBin+"/")
	case sure:
		t.Present = ptr(false)
	default:
		r.note(program, errSearch)
	}
	return t
}

// caches are where dnf 4 and 5 keep what they downloaded, a directory for each
// repository, with its repodata.
var caches = []string{"/var/cache/dnf", "/var/cache/libdnf5"}

const (
	maxRepos     = 40 // cached repositories that are looked into
	maxCacheList = 400
)

// compressions are the tools that the cached update notices need, with the file that
// says so. Empty: no update notices are cached.
func (r *reader) compressions() map[string]string {
	seen := map[string]string{}
	looked := 0
	for _, cache := range caches {
		repos, _ := r.host.ReadDir(cache, maxCacheList)
		for _, repo := range repos {
			if !repo.IsDir() || looked == maxRepos {
				continue
			}
			looked++
			dir := path.Join(cache, repo.Name(), "repodata")
			files, _ := r.host.ReadDir(dir, maxCacheList)
			for _, f := range files {
				if !strings.Contains(f.Name(), "updateinfo.xml") {
					continue
				}
				tool := map[string]string{".zst": "zstd", ".xz": "xz"}[path.Ext(f.Name())]
				if tool == "" {
					tool = "none"
				}
				if seen[tool] == "" {
					seen[tool] = "the update notices of a repository here are compressed with it: " + show(path.Join(dir, f.Name()))
				}
			}
		}
	}
	return seen
}

func isFalse(b *bool) bool { return b != nil && !*b }

func ptr[T any](v T) *T { return &v }
