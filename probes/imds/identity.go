package imds

import (
	"context"
	"errors"
	"net/http"
)

const signaturePath = "/latest/dynamic/instance-identity/signature"

// ErrNoIdentity says that the service gave no identity document with its signature.
var ErrNoIdentity = errors.New("the metadata service gives no signed identity document")

// Identity returns the instance's identity document and its signature as the
// service gives them, byte for byte: update servers in the cloud (RHUI) let an
// instance in by them. It ends with the context, at the latest after 10 s.
func Identity(ctx context.Context, o Options) (document, signature []byte, err error) {
	a, ctx, end := start(ctx, &o)
	defer end()
	if _, ok := a.connect(ctx); !ok {
		return nil, nil, ErrNoIdentity
	}
	token, ok := a.authorize(ctx)
	if !ok {
		return nil, nil, ErrNoIdentity
	}
	for _, part := range []struct {
		path string
		to   *[]byte
	}{{documentPath, &document}, {signaturePath, &signature}} {
		r := a.ask(ctx, token, part.path)
		if !r.complete() || r.status != http.StatusOK || len(r.body) == 0 {
			return nil, nil, ErrNoIdentity
		}
		*part.to = r.body
	}
	return document, signature, nil
}
