// Package browser looks at the console's pages in a real browser, as people do: its tests, and the demo, which takes the
// pictures in docs/images.
package browser
