//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package graphsurgery

// holds says that the system lets an open file be replaced. Windows does not, so
// that files are read whole.
const holds = false

func scratch(n int) (data []byte, free func(), err error) { return make([]byte, n), func() {}, nil }
