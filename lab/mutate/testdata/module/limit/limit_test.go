package limit

import "testing"

func TestWhatIsTooMuchIsCut(t *testing.T) {
	t.Parallel()
	if got := Within(3, 2); got != 2 {
		t.Errorf("got %d", got)
	}
}

func TestWhatIsFarTooMuchIsCut(t *testing.T) {
	t.Parallel()
	if got := Within(300, 2); got != 2 {
		t.Errorf("got %d", got)
	}
}
