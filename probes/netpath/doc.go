// Package netpath measures the way to a target as its client would go it: the
// name, the proxy, the connect, the handshake and one unsigned request, and the
// experiments that tell the explanations of a failure apart. It judges nothing:
// agent/diagnosis says what a measurement means.
package netpath
