package imds

import (
	"bufio"
	"bytes"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// syncSet tells which keys are new.
type syncSet struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (s *syncSet) first(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	defer func() { s.seen[key] = true }()
	return !s.seen[key]
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(testData()[documentPath]))
	f.Add([]byte(`{"instanceId":["i-1"]}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, ok := parseDocument(body)
		if ok != (d.InstanceID != "") {
			t.Fatal("ok without an instance id")
		}
		for _, s := range []string{d.InstanceID, d.InstanceType, d.ImageID, d.Region, d.AZ, d.AccountID, d.PrivateIP} {
			if len(s) > 200 || strings.ContainsAny(s, " <>\n\x1b") {
				t.Fatalf("%q is kept", s)
			}
		}
	})
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte(testData()[rolesPath+"web"]))
	f.Add([]byte(`{"code":"x","Message":"\u001b[31m","Expiration":"9999-99-99T99:99:99Z"}`))
	f.Add([]byte(`{"Code":"Success","Expiration":"0000-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, ok := parseCredentials(body)
		if !ok {
			return
		}
		if len(c.Code) > 128 || len(c.Message) > maxMessage || !utf8.ValidString(c.Message) || strings.ContainsAny(c.Code+c.Message, "\n\x1b") {
			t.Fatalf("kept %+v", c)
		}
		c.state()
		if _, err := c.Expires.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat("x", maxBody+1)))
	f.Add([]byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeader)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		bound := &boundedReader{r: bytes.NewReader(stream)}
		r, err := readAnswer(bufio.NewReader(bound), bound)
		if err != nil {
			if reasonOf(t.Context(), err) == "" {
				t.Fatal("an error without a reason")
			}
			return
		}
		if len(r.body) > maxBody || r.status < 0 {
			t.Fatalf("status %d, body of %d", r.status, len(r.body))
		}
		r.proxied()
		r.describe()
		validToken(r.body)
		wordList(r.body, isName)
		oneWord(r.body, isName)
	})
}
