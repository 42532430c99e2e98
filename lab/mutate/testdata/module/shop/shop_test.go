package shop_test

import (
	"os"
	"testing"

	"keyturn/shop"
)

func TestWhatIsNamedTwiceIsTheMost(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("../sold.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := shop.Sold(50); string(want) != "10\n" || got != 10 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
}
