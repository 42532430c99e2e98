package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/chromedp/chromedp"

	"keyturn/lab/browser"
)

const (
	desk  = 1280 // pixels
	phone = 390
)

// pictures are of the console's pages, and named as in docs/images.
var pictures = []struct {
	name, page, scheme string
	width              int64
}{
	{"console-fleet", "/", "light", desk},
	{"console-fleet-dark", "/", "dark", desk},
	{"console-fleet-phone", "/", "light", phone},
	{"console-credentials", "/credentials?account=domains&sort=age", "light", desk},
	{"console-plan", "/plan?account=ses&rate=1/s", "light", desk},
	{"console-credential-phone", "/credentials/kirim-news00", "light", phone},
}

var errNoBrowser = errors.New("no chromium was found on PATH")

// picture takes the pictures of docs/images: what the console shows of this fleet.
func (s *stage) picture(ctx context.Context, dir string) error {
	path := browser.Find()
	if path == "" {
		return errNoBrowser
	}
	ctx, stop := browser.Start(ctx, path)
	defer stop()
	if err := browser.LogIn(ctx, s.console.url, s.console.token); err != nil {
		return err
	}
	for _, p := range pictures {
		if err := browser.As(ctx, p.width, p.scheme); err != nil {
			return err
		}
		if err := chromedp.Do(ctx, chromedp.Navigate(s.console.url+p.page)); err != nil {
			return err
		}
		file := filepath.Join(dir, p.name+".png")
		if err := browser.Picture(ctx, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	fmt.Printf("demo: %d pictures of the console are in %s\n", len(pictures), dir)
	return nil
}
