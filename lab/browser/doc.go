// Package browser looks at the console's pages in a real browser, as people do. It holds tests alone.
package browser
