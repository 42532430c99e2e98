package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

var (
	errTooLong   = errors.New("the reply is longer than 1 MiB")
	errCut       = errors.New("the connection ended before the reply was complete")
	errTransport = errors.New("the exchange broke off or was not HTTP")
)

// connProof collects the proof that a request was never sent. It needs a transport that supports httptrace; one that
// does not proves nothing.
type connProof struct{ asked, got atomic.Bool }

func (p *connProof) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { p.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.got.Store(true) },
	})
}

// notSent reports whether there was no connection: DNS, dial or TLS failed, the context ended before, or net/http
// refused the request before it asked for one. Once there is a connection nothing is provable: net/http reports written
// headers before it flushes them.
func (p *connProof) notSent(transport http.RoundTripper) bool {
	_, tells := transport.(*http.Transport)
	return !p.got.Load() && (tells || p.asked.Load())
}

// publicCause reduces err to what may be shown. It is an allow-list: net/http's errors quote URLs, headers and the
// beginning of replies. Time-outs and cancellations stay matchable with errors.Is.
func publicCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case errors.Is(err, errTooLong):
		return errTooLong
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New(dns.Error())
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errors.New(certificate.Error())
	}
	if authority, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return errors.New(authority.Error())
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errors.New(record.Error())
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return errors.New(op.Error())
	}
	return errTransport
}
