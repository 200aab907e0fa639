//go:build !cgo

package ort

import "errors"

var errNoCgo = errors.New("onnx runtime: this build was made without cgo and cannot load it: build with CGO_ENABLED=1 and a C compiler")

// Open always fails in a build without cgo.
func Open(string) (*Runtime, error) { return nil, errNoCgo }

// NewSession always fails in a build without cgo.
func (r *Runtime) NewSession([]byte, SessionOptions) (*Session, error) { return nil, errNoCgo }

// NewSessionFile always fails in a build without cgo.
func (r *Runtime) NewSessionFile(string, SessionOptions) (*Session, error) { return nil, errNoCgo }

// NewAdapter always fails in a build without cgo.
func (r *Runtime) NewAdapter([]byte) (*Adapter, error) { return nil, errNoCgo }
