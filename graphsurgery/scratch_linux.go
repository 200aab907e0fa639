package graphsurgery

import "golang.org/x/sys/unix"

// noHugePages keeps the kernel from giving 2 MB where 4 KB are touched. Without it
// loading only takes more memory.
func noHugePages(b []byte) { _ = unix.Madvise(b, unix.MADV_NOHUGEPAGE) }
