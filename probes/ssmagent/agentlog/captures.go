package agentlog

import (
	"maps"
	"net"
	"strings"
)

// render makes the line and the captures of the newest entry.
func (ev *event) render() {
	if !ev.dirty {
		return
	}
	ev.dirty = false
	text := tidy(ev.raw)
	ev.line = cut(text, maxLine)
	ev.captures = captures(signatures().byID[ev.id], text)
	if len(ev.captures) == 0 {
		ev.captures = nil
	}
}

// captures are the named parts of a text.
func captures(s *Signature, text string) map[string]string {
	out := map[string]string{}
	if s == nil {
		return out
	}
	maps.Copy(out, s.set)
	if s.re != nil {
		re := s.re.re()
		if m := re.FindStringSubmatch(text); m != nil {
			for i, name := range re.SubexpNames() {
				if name != "" && m[i] != "" {
					out[name] = cut(m[i], 200)
				}
			}
		}
	}
	if host := out["host"]; host != "" {
		out["host"] = strings.ToLower(strings.TrimSuffix(host, "."))
	} else if host := hostIn(text); host != "" {
		out["host"] = host
	}
	if out["service"] == "" {
		if service := serviceOf(out["action"], out["host"]); service != "" {
			out["service"] = service
		} else if strings.Contains(text, "s3://") {
			out["service"] = "s3"
		}
	}
	return out
}

// hostIn is the host of the first URL in a text.
func hostIn(text string) string {
	for _, scheme := range []string{"https://", "http://", "wss://"} {
		if _, rest, ok := strings.Cut(text, scheme); ok {
			host := rest
			if i := strings.IndexAny(host, "/\"' \n?#"); i >= 0 {
				host = host[:i]
			}
			host = strings.TrimPrefix(host, "***@")
			if h, _, err := net.SplitHostPort(host); err == nil {
				host = h
			}
			if host != "" && len(host) <= 253 && !strings.ContainsAny(host, "*\\<>") {
				return strings.ToLower(host)
			}
		}
	}
	return ""
}

// serviceOf is the AWS service by an action's prefix or a host name.
func serviceOf(action, host string) string {
	if service, _, ok := strings.Cut(action, ":"); ok {
		return service
	}
	if host == "169.254.169.254" || host == "fd00:ec2::254" {
		return "imds"
	}
	for label := range strings.SplitSeq(host, ".") {
		label = strings.TrimSuffix(label, "-fips")
		switch {
		case label == "ssm" || label == "ssmmessages" || label == "ec2messages" || label == "kms" || label == "logs" || label == "s3":
			return label
		case strings.HasPrefix(label, "s3-"):
			return "s3"
		}
	}
	return ""
}
