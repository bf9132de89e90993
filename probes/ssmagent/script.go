package ssmagent

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"agentctl/platform"
)

const (
	maxScript = 256 << 10
	maxOutput = 64 << 10
)

// PayloadURL is the address from which a patch script downloads its payload, where
// it is certain: the script's own output names it, or the script holds it whole, or
// the script puts it together of what it holds and the region. "" and false
// otherwise.
func PayloadURL(host platform.Host, script, region string) (string, bool) {
	sep := strings.LastIndexAny(script, `/\`)
	if sep >= 0 {
		if out, err := readable(host, script[:sep+1]+"stdout", maxOutput); err == nil {
			if u := downloaded(out); u != "" {
				return u, true
			}
		}
	}
	text, err := readable(host, script, maxScript)
	if err != nil {
		return "", false
	}
	if u := literalURL(text); u != "" {
		return u, true
	}
	return evaluate(string(text), region)
}

const (
	// downloadMark is what the script logs before the address, see download_to.
	downloadMark = "Downloading payload from "
	maxURL       = 1024
)

// payloadName ends the address of a payload, for Linux and for Windows.
var payloadName = regexp.MustCompile(`/(?:patch-baseline-operations-[0-9.]+\.tar\.gz|Amazon\.PatchBaselineOperations-[0-9.]+\.zip)$`)

// downloaded is the address in a script's output, the last one.
func downloaded(output []byte) string {
	i := bytes.LastIndex(output, []byte(downloadMark))
	if i < 0 {
		return ""
	}
	words := bytes.FieldsFunc(output[i+len(downloadMark):min(len(output), i+len(downloadMark)+maxURL)], outsideURL)
	if len(words) == 0 {
		return ""
	}
	return payload(string(words[0]))
}

// literalURL is the one payload address that a script has written out; "" where it
// has none or several.
func literalURL(script []byte) string {
	found := ""
	for line := range bytes.Lines(script) {
		if !bytes.Contains(line, []byte("://")) {
			continue
		}
		for _, w := range bytes.FieldsFunc(line, outsideURL) {
			if len(w) > maxURL || !payloadName.Match(w) || bytes.ContainsAny(w, "%${}\\") {
				continue
			}
			if u := payload(string(w)); u != "" && u != found {
				if found != "" {
					return ""
				}
				found = u
			}
		}
	}
	return found
}

// outsideURL tells which characters end an address in a text.
func outsideURL(r rune) bool {
	return r <= ' ' || strings.ContainsRune("\"'<>()`;|", r)
}

// payload checks that an address can be probed: a host and a path, no user, no
// query (a presigned one holds a signature).
func payload(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(u.Path) < 2 ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" || !hostForm.MatchString(u.Hostname()) {
		return ""
	}
	return s
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,10}$`)
