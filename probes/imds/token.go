package imds

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"agentctl/probes"
)

const (
	tokenPath = "/latest/api/token"
	plainPath = "/latest/meta-data/"
	// tokenTTL in seconds: one round. The service allows 1 to 21600.
	tokenTTL = "60"
	maxToken = 1024 // bytes; real ones have 56
)

// authorize gets a token. It returns "" and true where the service answers without
// one, and false where there is no way on; the state then says why.
func (a *asker) authorize(ctx context.Context) (token string, ok bool) {
	plainCtx, stopPlain := context.WithCancel(ctx)
	defer stopPlain()
	begin := make(chan struct{})    // closed when the token has failed
	plain := make(chan []answer, 1) // the request without a token, once it is made
	a.group.Go(func() {
		timer := time.NewTimer(a.pace.plain)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-begin:
		case <-plainCtx.Done():
			return
		}
		plain <- hedge(plainCtx, &a.group, a.pace.plainNext, a.pace.retry, func(ctx context.Context) answer {
			return a.request(ctx, http.MethodGet, plainPath, "", a.pace.data)
		}, answer.complete)
	})

	puts := hedge(ctx, &a.group, a.pace.answerNext, a.pace.retry, func(ctx context.Context) answer {
		return a.request(ctx, http.MethodPut, tokenPath, "", a.pace.answer)
	}, func(r answer) bool { return r.complete() && !r.temporary() })
	put := last(puts)
	switch {
	case put.proxied():
		a.fail(probes.MetadataForeign, probes.NotAWS, "a proxy answers: "+put.describe())
		return "", false
	case put.status == http.StatusOK:
		if token, ok := validToken(put.body); ok {
			return token, true
		}
		a.fail(probes.MetadataForeign, probes.NotAWS, "the answer to the token request is no token")
		return "", false
	case put.status == http.StatusForbidden:
		a.m.Denied = tokenPath
		a.fail(probes.MetadataDisabled, probes.AccessDenied, tokenPath+" is denied")
		return "", false
	}
	close(begin)
	var get answer
	select {
	case got := <-plain:
		get = last(got)
	case <-ctx.Done():
	}
	return "", a.withoutToken(put, get)
}

// withoutToken decides what it means that there is no token, by the answer to a
// request without one, and tells whether data can be asked that way.
func (a *asker) withoutToken(put, get answer) bool {
	silent := !put.complete()
	switch {
	case get.proxied():
		a.fail(probes.MetadataForeign, probes.NotAWS, "a proxy answers: "+get.describe())
	case put.reason == probes.Malformed || get.reason == probes.Malformed:
		a.fail(probes.MetadataForeign, probes.Malformed, "what answers does not speak HTTP")
	case !get.complete() && silent:
		a.fail(probes.MetadataUnreachable, get.failure(put), "connects, and answers neither with nor without a token")
	case get.status == http.StatusForbidden:
		a.m.Denied = plainPath
		a.fail(probes.MetadataDisabled, probes.AccessDenied, plainPath+" is denied")
	case get.status == http.StatusOK:
		a.m.V1 = true
		if silent {
			a.fail(probes.MetadataTokenLost, put.reason, "the token request gets no answer; a request without a token does")
		}
		return true
	case get.status == http.StatusUnauthorized && silent:
		a.fail(probes.MetadataTokenLost, put.reason, "the token request gets no answer; a request without a token is answered 401")
	case put.temporary() || get.temporary():
		a.fail(probes.MetadataUnreachable, busy(put, get), "answers "+put.describe())
	default:
		a.fail(probes.MetadataForeign, probes.NotAWS, "the token request is answered "+put.describe()+", one without a token "+get.describe())
	}
	return false
}

// busy is the reason of answers by which a service asks to come again.
func busy(answers ...answer) probes.Reason {
	for _, r := range answers {
		if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
			return probes.Throttled
		}
	}
	return probes.ServerError
}

// validToken takes any visible ASCII that is not markup: emulators have forms of
// their own.
func validToken(body []byte) (string, bool) {
	if len(body) == 0 || len(body) > maxToken {
		return "", false
	}
	for _, c := range body {
		if c <= ' ' || c > '~' || c == '<' {
			return "", false
		}
	}
	return string(body), true
}

// last is the answer that counts of several attempts: the first complete one, else
// the latest.
func last(got []answer) answer {
	out := answer{reason: probes.Timeout}
	for _, r := range got {
		if r.complete() && !r.temporary() {
			return r
		}
		if r.reason != probes.Canceled {
			out = r
		}
	}
	return out
}

// describe is an answer in a few words.
func (r answer) describe() string {
	if r.status == 0 {
		return "not at all (" + string(r.reason) + ")"
	}
	return strconv.Itoa(r.status)
}
