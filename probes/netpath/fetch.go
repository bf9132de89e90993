package netpath

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"agentctl/probes"
)

// MaxRedirects is how many redirects a fetch follows where the caller gives no
// number: what librepo tells curl (handle.c, CURLOPT_MAXREDIRS).
const MaxRedirects = 6

// FetchRequest is one document that a client would download.
type FetchRequest struct {
	// Target names the document's URL (http or https) and whose view is taken.
	Target probes.Target
	// Header is sent where HeaderTo allows it: at the first address and, unlike
	// credentials, behind redirects too. Nil: to the first host alone.
	Header   http.Header
	HeaderTo func(*url.URL) bool
	// User and Password are HTTP basic credentials, for the first host only.
	User, Password string
	// Roots are the authorities that the client trusts here; nil: those of the
	// Prober for the target's client.
	Roots *x509.CertPool
	// Insecure: the client does not verify the chain. It is judged all the same.
	Insecure bool
	// AnyName: the chain is verified and the name in it is not.
	AnyName bool
	// Certificate is the client's own, nil: none.
	Certificate *tls.Certificate
	// Proxy is the way to take; "" is direct. The Prober's own proxy setting plays
	// no part.
	Proxy       probes.ProxyURL
	ProxySource string
	// Limit is the greatest body in bytes that is read.
	Limit int64
	// Redirects is how many are followed; 0 means MaxRedirects, below 0 none.
	Redirects int
	// KeepTLS: a redirect from https to http is not followed.
	KeepTLS bool
	// Check judges a body that came with a 2xx status; nil accepts all. The text
	// is the step's detail.
	Check func(status int, body []byte) (probes.Reason, string)
}

// Hop is one answer that led elsewhere.
type Hop struct {
	URL    string `json:"url"`
	Status int    `json:"status"`
}

// FetchResult is what a download showed. Result is the way to the last host
// that was asked.
type FetchResult struct {
	Result probes.Result
	// Reason is OK, or the step's that ended it.
	Reason probes.Reason
	Detail string
	Status int
	Header http.Header
	Body   []byte
	// Cut: the body is longer than the limit, or broke off.
	Cut bool
	// URL is the address that answered, or the last that was tried.
	URL  string
	Hops []Hop
}

// Fetch downloads a document as its client would: name, proxy, connect,
// handshake, one GET, and the redirects that follow. Every connection is its
// own. Nothing is decompressed: curl does not either unless it is told to, and
// librepo does not tell it (downloader.c). A step that fails is tried a second
// time before it counts.
func (p *Prober) Fetch(ctx context.Context, req FetchRequest) FetchResult {
	begin := time.Now()
	own := *p
	own.Proxy = func(probes.Target) (probes.ProxyURL, string) { return req.Proxy, req.ProxySource }
	if req.Roots != nil {
		own.Trust = func(probes.Client) *x509.CertPool { return req.Roots }
	}
	left := req.Redirects
	if left == 0 {
		left = MaxRedirects
	}
	f := &fetch{prober: &own, req: req, target: req.Target}
	for {
		next := f.one(ctx)
		if next == "" {
			break
		}
		if left <= 0 {
			f.fail(probes.Redirect, "too many redirects")
			break
		}
		left--
		f.out.Hops = append(f.out.Hops, Hop{URL: ShowURL(f.target.URL), Status: f.out.Status})
		f.target.URL = next
	}
	f.out.Result.Duration = time.Since(begin).Seconds()
	return f.out
}

// fetch is one run of Fetch.
type fetch struct {
	prober *Prober
	req    FetchRequest
	target probes.Target // of this hop
	out    FetchResult
}

// one goes the way to one address. The string is where it is sent on to.
func (f *fetch) one(ctx context.Context) (next string) {
	res := probes.Result{Target: f.target, State: probes.Unknown}
	res.Target.URL = ShowURL(f.target.URL)
	f.out.URL, f.out.Status, f.out.Header, f.out.Body = res.Target.URL, 0, nil, nil
	begin := time.Now()
	run := &probe{Prober: f.prober, target: f.target, res: &res}
	h := &hop{fetch: f, probe: run}
	if err := run.parse(); err != "" {
		run.step(probes.PhaseDNS, probes.Internal, 0, err, 0)
	} else {
		next = h.walk(ctx)
	}
	res.Duration = time.Since(begin).Seconds()
	run.settle(ctx)
	f.out.Result = res
	f.out.Reason, f.out.Detail = ending(res)
	return next
}

// ending is the reason of the step that stopped a probe, or of its last one.
func ending(r probes.Result) (probes.Reason, string) {
	for _, s := range r.Steps {
		if s.State == probes.Down || s.State == probes.Unknown {
			return s.Reason, s.Detail
		}
	}
	if r.State == probes.Up {
		return probes.OK, ""
	}
	return probes.Internal, ""
}

// fail ends a fetch that an answer stopped.
func (f *fetch) fail(reason probes.Reason, detail string) {
	f.out.Reason, f.out.Detail = reason, detail
	f.out.Result.State = probes.Down
	if n := len(f.out.Result.Steps); n > 0 {
		last := &f.out.Result.Steps[n-1]
		last.State, last.Reason, last.Detail = probes.Down, reason, detail
	}
	if f.out.Result.HTTP != nil {
		f.out.Result.HTTP.Reason = reason
	}
}

// headerLines are the request's own header lines for this hop. Credentials go
// to the first host alone, as curl has it without CURLOPT_UNRESTRICTED_AUTH.
func (f *fetch) headerLines(u *url.URL) string {
	first := sameHost(f.req.Target.URL, f.target.URL)
	allowed := first
	if f.req.HeaderTo != nil {
		allowed = f.req.HeaderTo(u)
	}
	var b strings.Builder
	if allowed {
		for _, name := range slices.Sorted(maps.Keys(f.req.Header)) {
			for _, v := range f.req.Header[name] {
				b.WriteString(name + ": " + oneLine(v) + "\r\n")
			}
		}
	}
	if f.req.User != "" && first {
		b.WriteString("Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte(f.req.User+":"+f.req.Password)) + "\r\n")
	}
	return b.String()
}

// oneLine keeps a value from ending its header line.
func oneLine(s string) string {
	return strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(s)
}

func sameHost(a, b string) bool {
	ua, err := url.Parse(a)
	if err != nil {
		return false
	}
	ub, err := url.Parse(b)
	return err == nil && strings.EqualFold(ua.Host, ub.Host) && ua.Scheme == ub.Scheme
}

// plainParameters are those of a mirror list's address that say which list is
// meant. Any other may be a token.
var plainParameters = []string{"repo", "arch", "release", "infra", "country", "protocol", "path", "countme", "version", "content"}

// Secrets are the values of a query's unknown parameters: what ShowURL masks.
func Secrets(query string) (values []string) {
	for _, part := range strings.Split(query, "&") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			value = part // SUSE's tokens come as a name alone
		} else if slices.Contains(plainParameters, name) {
			continue
		}
		if value != "" {
			values = append(values, value)
		}
	}
	return values
}

// ShowURL is an address that a report may hold: without user and password, and
// with the values of unknown parameters masked.
func ShowURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return probes.MaskURL(s)
	}
	u.User = nil
	if u.RawQuery == "" {
		return u.String()
	}
	parts := strings.Split(u.RawQuery, "&")
	for i, part := range parts {
		if name, _, ok := strings.Cut(part, "="); !ok || !slices.Contains(plainParameters, name) {
			parts[i] = "***"
			if ok {
				parts[i] = name + "=***"
			}
		}
	}
	u.RawQuery = strings.Join(parts, "&")
	return u.String()
}
