package repos

import (
	"bytes"
	"path"
	"strings"
	"time"

	"agentctl/probes"
)

// CheckMetadata judges the body of one of a repository's Metadata, by its name, as
// apt or zypper does, and returns the metadata's own time where it has one.
func CheckMetadata(repo probes.Repo, name string, body []byte, now time.Time) (probes.Reason, string, time.Time) {
	if repo.Manager == "apt" && path.Ext(name) == ".gpg" {
		reason, detail := checkSignature(body)
		return reason, detail, time.Time{}
	}
	if repo.Manager == "apt" {
		release, reason, detail := CheckAPT(name, body, repo, now)
		return reason, detail, release.Date
	}
	switch path.Base(name) {
	case "repomd.xml":
		md, err := ParseRepomd(body)
		if err != nil {
			return probes.BadContent, "not repomd.xml" + contentHint(body), time.Time{}
		}
		return probes.OK, "", md.Revision
	case "repoindex.xml":
		if !bytes.Contains(body[:min(len(body), 4096)], []byte("<repoindex")) {
			return probes.BadContent, "not the index of a service" + contentHint(body), time.Time{}
		}
	case "content":
		if !isYaSTContent(body) {
			return probes.BadContent, "not the content file of a YaST source" + contentHint(body), time.Time{}
		}
	}
	return probes.OK, "", time.Time{}
}

// nextName tells whether the package manager asks for the next name of Metadata
// after the one before it ended so. Zypper looks for an old YaST source whatever
// came of repomd.xml (zypp/RepoManager.cc, probe).
func nextName(repo probes.Repo, reason probes.Reason, status int, body []byte) bool {
	if repo.Manager == "apt" {
		return aptFallsBack(repo, reason, status, body)
	}
	return reason == probes.NotFound || reason == probes.AccessDenied || reason == probes.Unauthorized
}

// isYaSTContent: lines of a key in capitals and a value, with those that name the
// folder of descriptions or the product.
func isYaSTContent(body []byte) bool {
	for line := range bytes.Lines(body[:min(len(body), 64<<10)]) {
		key, _, _ := strings.Cut(string(line), " ")
		switch key {
		case "CONTENTSTYLE", "DESCRDIR", "DATADIR", "PRODUCT", "DISTPRODUCT", "REPOID":
			return true
		}
	}
	return false
}
