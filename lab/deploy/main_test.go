package deploy

import (
	"testing"

	"keyturn/internal/app/apptest"
)

func TestMain(m *testing.M) { apptest.MainOfNone(m) }
