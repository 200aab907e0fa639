//go:build !(cgo && unix)

package pjrt

import (
	"errors"

	"github.com/gomlx/compute"
)

const haveXLA = false

var errNoCgo = errors.New("this build was made without cgo and cannot load shared libraries")

func openXLA(string) (compute.Backend, string, error) { return nil, "", errNoCgo }

func checkPJRT(string) error { return errNoCgo }

func loadORT(string) (string, error) { return "", errNoCgo }
