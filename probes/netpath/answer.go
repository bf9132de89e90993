package netpath

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"

	"agentctl/probes"
)

// Bounds on the texts that a report takes over from an answer.
const (
	snippetLen = 200
	headerLen  = 200
	titleLen   = 100
	codeLen    = 80
)

// awsHeaders are those that only AWS's front ends set (S3 and API references: common response headers).
var awsHeaders = []string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Amz-Id-2", "X-Amz-Rid"}

// describeAnswer takes over the facts of an answer.
func describeAnswer(f *probes.HTTP, a answer) {
	text := func(name string) string { return printable(a.header.Get(name), headerLen) }
	f.Status, f.Bytes, f.ReceivedAt = a.status, len(a.body), a.received
	f.Server, f.ContentType, f.Location = text("Server"), text("Content-Type"), probes.MaskURL(text("Location"))
	for _, h := range awsHeaders {
		if a.header.Get(h) != "" {
			f.AWSShaped = true
			if f.RequestID == "" {
				f.RequestID = text(h)
			}
		}
	}
	f.BucketRegion = text("X-Amz-Bucket-Region")
	if t, err := http.ParseTime(a.header.Get("Date")); err == nil {
		f.Date = t
	}
	code, shaped := bodyCode(a.body)
	f.AWSShaped = f.AWSShaped || shaped
	if t := a.header.Get("X-Amzn-Errortype"); t != "" {
		code = lastPart(t)
	}
	f.Code = printable(code, codeLen)
	f.HTML = isHTML(f.ContentType, a.body)
	if f.HTML {
		f.Title = title(a.body)
	}
}

// bodyCode reads AWS's error code out of a body, and tells whether the body is
// unmistakably AWS's.
func bodyCode(body []byte) (code string, shaped bool) {
	body = bytes.TrimSpace(body)
	switch {
	case bytes.HasPrefix(body, []byte("<")):
		if bytes.Contains(body, []byte("<UnknownOperationException/>")) {
			return "UnknownOperationException", true
		}
		at := bytes.Index(body, []byte("<Error>"))
		if at < 0 {
			return "", false
		}
		code = element(body[at:], "Code")
		return code, code != "" && bytes.Contains(body[at:], []byte("<RequestId>"))
	case bytes.HasPrefix(body, []byte("{")):
		var e struct {
			Type string `json:"__type"`
		}
		if json.Unmarshal(body, &e) == nil && e.Type != "" {
			return lastPart(e.Type), true
		}
	}
	return "", false
}

// element returns the text of the first element of that name; error codes hold
// no markup.
func element(body []byte, name string) string {
	_, rest, ok := bytes.Cut(body, []byte("<"+name+">"))
	if !ok {
		return ""
	}
	text, _, ok := bytes.Cut(rest, []byte("</"+name+">"))
	if !ok || len(text) > codeLen || bytes.ContainsAny(text, "<>") {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// lastPart takes the name out of "com.amazonaws.ssm#Name:http://...".
func lastPart(s string) string {
	s, _, _ = strings.Cut(s, ":")
	if i := strings.LastIndexByte(s, '#'); i >= 0 {
		s = s[i+1:]
	}
	return strings.TrimSpace(s)
}

func isHTML(contentType string, body []byte) bool {
	if strings.Contains(strings.ToLower(contentType), "html") {
		return true
	}
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	start := strings.ToLower(string(body[:min(len(body), 16)]))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

// title is a page's title, as a reader would see it.
func title(body []byte) string {
	// Only letters of ASCII change, so that positions stay the same.
	lower := bytes.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, bytes.ToValidUTF8(body, []byte("?")))
	body = bytes.ToValidUTF8(body, []byte("?"))
	from := bytes.Index(lower, []byte("<title"))
	if from < 0 {
		return ""
	}
	open := bytes.IndexByte(lower[from:], '>')
	if open < 0 {
		return ""
	}
	from += open + 1
	to := bytes.Index(lower[from:], []byte("</title"))
	if to < 0 {
		to = len(lower) - from
	}
	return printable(html.UnescapeString(string(body[from:from+min(to, 1024)])), titleLen)
}

// judgeAnswer says whether an answer is what the target must give. genuine:
// a service root vouches for the other side's key. Nobody on the way can then have
// written the answer, and a load balancer's own 503 is a page without a request id.
func judgeAnswer(f *probes.HTTP, want probes.Answer, genuine bool) {
	if want == probes.AnswerHTTP {
		f.Reason = probes.OK
		if f.Status >= 500 {
			f.Reason = probes.ServerError
		}
		return
	}
	if f.AWSShaped || genuine && (!f.HTML || f.Status >= 500) {
		switch {
		case isThrottle(f):
			f.Reason = probes.Throttled
			return
		case f.Status >= 500:
			f.Reason = probes.ServerError
			return
		}
	}
	switch {
	case !f.AWSShaped:
		f.Reason = probes.NotAWS
	case want == probes.AnswerS3Object:
		f.Reason = objectReason(f.Status)
	default:
		f.Reason = probes.OK
	}
}

func isThrottle(f *probes.HTTP) bool {
	if f.Status == http.StatusTooManyRequests {
		return true
	}
	return f.Status >= 400 && (f.Code == "SlowDown" || f.Code == "RequestLimitExceeded" ||
		strings.Contains(f.Code, "Throttl") || strings.HasPrefix(f.Code, "TooManyRequests"))
}

// objectReason judges the status of an object that is known to exist and may be
// read by anyone.
func objectReason(status int) probes.Reason {
	switch {
	case status == http.StatusOK, status == http.StatusPartialContent,
		status == http.StatusRequestedRangeNotSatisfiable: // it is there, and empty
		return probes.OK
	case status == http.StatusForbidden:
		return probes.AccessDenied
	case status == http.StatusUnauthorized:
		return probes.Unauthorized
	case status == http.StatusNotFound:
		return probes.NotFound
	case status/100 == 3:
		return probes.Redirect
	}
	return probes.BadContent
}

func answerDetail(f *probes.HTTP) string {
	s := fmt.Sprintf("HTTP %d", f.Status)
	if f.Code != "" {
		s += " " + f.Code
	}
	if f.Reason == probes.NotAWS && f.Title != "" {
		s += ": " + f.Title
	}
	return s
}
