package main

import (
	"testing"

	"keyturn/internal/wiring/wiringtest"
)

func TestMain(m *testing.M) { wiringtest.Main(m, "scheduler", main) }
