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
	u, err := rotation.ParseServer(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it %w", ErrEndpoint, err)
	}
	return u.JoinPath("/"), nil // an empty path would make JoinPath's results relative
}

// checkRegion reports a region that p does not have; "" is allowed, because an endpoint may have been set by hand.
func checkRegion(p rotation.Provider, region string) error {
	if region == "" || slices.Contains(p.Regions, region) {
		return nil
	}
	if len(p.Regions) == 0 {
		return fmt.Errorf("%s has no regions: remove region %q", p.Code, region)
	}
	return fmt.Errorf("%s has no region %q: it has %s", p.Code, region, strings.Join(p.Regions, ", "))
}
