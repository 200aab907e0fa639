package pjrt

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	MaybeRunProbe()
	os.Exit(m.Run())
}
