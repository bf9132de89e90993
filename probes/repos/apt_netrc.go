package repos

import (
	"bytes"
	"strconv"
	"strings"
)

// netrcLogin finds the user and password of an address in one file of
// apt_auth.conf(5): "machine HOST[:PORT][/PATH] login USER password WORD". A
// machine without "://" is for https alone; with a path it is a prefix of the
// address. The first machine that matches wins, and a word of a later line goes
// on where the line before it ended (apt-pkg/contrib/netrc.cc).
func netrcLogin(data []byte, u aptURI) (user, password string) {
	site := u.host
	if u.port != 0 {
		site += ":" + strconv.Itoa(u.port)
	}
	const (
		none = iota
		machine
		matched
		login
		word
	)
	state, lines := none, 0
	for raw := range bytes.Lines(data) {
		if lines++; lines > maxAptLines {
			break
		}
		for _, token := range strings.FieldsFunc(strings.TrimRight(string(raw), "\r\n"), func(r rune) bool { return r == ' ' || r == '\t' }) {
			switch state {
			case none:
				if token == "machine" {
					state = machine
				}
			case machine:
				state = none
				if netrcMatch(token, u, site) {
					state = matched
				}
			case matched:
				switch token {
				case "login":
					state = login
				case "password":
					state = word
				case "machine":
					return user, password
				}
			case login:
				user, state = token, matched
			case word:
				password, state = token, matched
			}
		}
	}
	return user, password
}

// netrcMatch tells whether a machine is this address's.
func netrcMatch(token string, u aptURI, site string) bool {
	scheme, rest, given := strings.Cut(token, "://")
	if given {
		if scheme != u.access {
			return false
		}
		token = rest
	} else if u.access != "https" && u.access != "tor+https" {
		return false
	}
	if strings.Contains(token, "/") {
		return strings.HasPrefix(site+u.path, token)
	}
	return token == site || u.port != 0 && token == u.host
}
