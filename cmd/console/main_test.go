package main

import (
	"testing"

	"keyturn/internal/app/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m, "console", main) }
