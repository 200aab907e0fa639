//go:build unix && !linux

package graphsurgery

func noHugePages([]byte) {}
