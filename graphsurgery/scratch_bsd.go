//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package graphsurgery

func noHugePages([]byte) {}
