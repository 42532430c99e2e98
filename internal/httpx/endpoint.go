package httpx

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"keyturn/internal/rotation"
)

// ErrEndpoint is wrapped by every error of ParseEndpoint. Their texts never repeat the endpoint, which may hold a
// password by mistake.
var ErrEndpoint = errors.New("endpoint must look like https://host or https://host:port/path")

// ParseEndpoint checks a base URL. The scheme is https unless the text says http.
func ParseEndpoint(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, ErrEndpoint // not wrapped: url.Error quotes the URL
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%w: its scheme is neither https nor http", ErrEndpoint)
	case u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || !printableASCII(u.Host):
		return nil, fmt.Errorf("%w: it has no usable host", ErrEndpoint)
	case u.User != nil:
		return nil, fmt.Errorf("%w: credentials do not belong there", ErrEndpoint)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%w: it takes no query and no fragment", ErrEndpoint)
	}
	return u.JoinPath("/"), nil // an empty path would make JoinPath's results relative
}

func printableASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkRegion reports a region that p does not have; "" is allowed, because an endpoint may have been set by hand.
func checkRegion(p rotation.Provider, region string) error {
	if region == "" || slices.Contains(p.Regions, region) {
		return nil
	}
	if len(p.Regions) == 0 {
		return fmt.Errorf("%s has no regions: leave region %q out", p.Code, region)
	}
	return fmt.Errorf("%s has no region %q: it has %s", p.Code, region, strings.Join(p.Regions, ", "))
}
