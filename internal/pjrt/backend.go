package pjrt

import "github.com/gomlx/compute"

// Backend is what models compute on: GoMLX's interface, named here so that
// callers who only pass it on need not import GoMLX.
type Backend = compute.Backend
