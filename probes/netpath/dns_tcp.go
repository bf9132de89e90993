package netpath

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/miekg/dns"

	"agentctl/probes"
)

// askTCP asks over TCP. The outcome's tcp says whether any answer came that
// way, its reason is the answer's where one came. The connect is tried twice,
// and so is a query on a connection that is cut.
func (w *dnsWire) askTCP(ctx context.Context, a dnsAsk, query []byte) dnsOutcome {
	framed := make([]byte, 2, 2+len(query))
	binary.BigEndian.PutUint16(framed, uint16(len(query)))
	framed = append(framed, query...)
	for attempt := 1; ; attempt++ {
		begin := time.Now()
		conn, info := DialConfirmed(ctx, a.server, DialOptions{Timeout: w.times.tcpConnect})
		if conn == nil {
			return dnsOutcome{reason: info.Reason, tcp: info.Reason, attempts: info.Attempts, sender: info.Sender, local: info.Local}
		}
		binary.BigEndian.PutUint16(framed[2:], dns.Id())
		out := exchangeTCP(ctx, conn, a, framed)
		out.took = time.Since(begin).Seconds()
		out.attempts = attempt
		cut := out.reason == probes.Reset || out.reason == probes.Closed
		if !cut || attempt == 2 || !pause(ctx, w.times.confirm) {
			return out
		}
	}
}

// exchangeTCP sends one framed query and reads the answer.
func exchangeTCP(ctx context.Context, conn net.Conn, a dnsAsk, framed []byte) dnsOutcome {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	fail := func(r probes.Reason) dnsOutcome { return dnsOutcome{reason: r, tcp: r} }
	if err := conn.SetDeadline(time.Now().Add(a.patience)); err != nil {
		return fail(probes.Canceled)
	}
	msg, err := roundTrip(conn, framed)
	if ctx.Err() != nil {
		return fail(probes.Canceled)
	}
	if err != nil {
		return fail(streamReason(err))
	}
	if id, ok := messageID(msg); !ok || id != binary.BigEndian.Uint16(framed[2:]) {
		return fail(probes.Malformed)
	}
	reply, err := parseReply(msg, a.name, a.qtype)
	if err != nil {
		return fail(probes.Malformed)
	}
	return dnsOutcome{reason: reply.reason, addrs: reply.addrs, message: true, tcp: probes.OK}
}

// roundTrip writes a framed message and reads one, of at most 64 KiB by its
// two bytes of length.
func roundTrip(conn net.Conn, framed []byte) ([]byte, error) {
	if _, err := conn.Write(framed); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, msg)
	return msg, err
}

// streamReason says how an open connection failed.
func streamReason(err error) probes.Reason {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return probes.Timeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return probes.Closed
	case isReset(err):
		return probes.Reset
	default:
		return probes.Closed
	}
}
