// Package conntrack stands in for the module of its name, which prometheus/common's
// HTTP clients use. agentctl has none of those clients and links them with
// exporter-toolkit; the real module brings golang.org/x/net/trace and html/template
// along, whose use of reflection keeps the linker from dropping unused methods: 2.9 MB
// of the binary. go.mod puts this in its place.
package conntrack

import (
	"context"
	"net"
)

// Option is what the real module lets its callers choose.
type Option func()

// DialWithTracing changes nothing here.
func DialWithTracing() Option { return func() {} }

// DialWithName changes nothing here.
func DialWithName(string) Option { return func() {} }

// DialWithDialContextFunc changes nothing here.
func DialWithDialContextFunc(func(context.Context, string, string) (net.Conn, error)) Option {
	return func() {}
}

// NewDialContextFunc dials as the net package does.
func NewDialContextFunc(...Option) func(context.Context, string, string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext
}
