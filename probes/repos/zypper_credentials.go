package repos

import (
	"path"
	"strings"
)

// zyppLogin is one section of a credentials file.
type zyppLogin struct {
	url            string // "" before any section
	user, password string
}

// parseZyppCredentials reads a file of credentials.d, or credentials.cat with its
// sections of addresses (zypp/media/CredentialFileReader.cc). A section without a
// user is passed over.
func parseZyppCredentials(data []byte) (logins []zyppLogin) {
	at := zyppLogin{}
	flush := func() {
		if at.user != "" {
			logins = append(logins, at)
		}
	}
	lines := 0
	for line := range strings.Lines(string(data)) {
		if lines++; lines > maxZyppLines {
			break
		}
		text := strings.TrimSpace(line)
		if text == "" || text[0] == ';' || text[0] == '#' {
			continue
		}
		if end := strings.LastIndexByte(text, ']'); text[0] == '[' && end > 0 {
			flush()
			at = zyppLogin{url: text[1:end]}
			continue
		}
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			continue
		}
		switch strings.TrimSpace(key) {
		case "username":
			at.user = strings.TrimSpace(value)
		case "password":
			at.password = strings.TrimSpace(value)
		}
	}
	flush()
	return logins
}

// login finds the credentials of an address: in itself; in the file that
// ?credentials= names, by full path or below credentials.d; else in
// credentials.cat by the longest way zypp has, a common beginning. unknown: there
// may be some, and this run may not read them.
func (r *zyppReader) login(u zyppURL) (user, password string, unknown, missing bool) {
	if u.user != "" && u.password != "" {
		return u.user, u.password, false, false
	}
	if file := u.param("credentials"); file != "" {
		if !path.IsAbs(file) {
			file = path.Join(r.conf["credentials.global.dir"], path.Base(file))
		}
		known := len(r.denied)
		data, ok := r.read(file, 64<<10)
		if !ok {
			return u.user, "", len(r.denied) > known, len(r.denied) == known
		}
		for _, l := range parseZyppCredentials(data) {
			return l.user, l.password, false, false
		}
		return u.user, "", false, true
	}
	for _, file := range [...]string{r.conf["credentials.global.file"], "/root/.zypp/credentials.cat"} {
		known := len(r.denied)
		data, _ := r.read(file, 64<<10)
		unknown = unknown || len(r.denied) > known
		for _, l := range parseZyppCredentials(data) {
			of, fault := parseZyppURL(l.url)
			if fault == "" && strings.HasPrefix(u.address(), of.address()) && (u.user == "" || u.user == l.user) {
				return l.user, l.password, false, false
			}
		}
	}
	return u.user, u.password, unknown, false
}
