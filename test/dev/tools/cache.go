package tools

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// CacheDir is where everything goes that outlives a clone: $CISTERN_CACHE, or
// cistern in the user's cache directory.
func CacheDir() (string, error) {
	if dir := os.Getenv("CISTERN_CACHE"); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("cannot use CISTERN_CACHE: %w", err)
		}

		return abs, nil
	}

	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find a cache directory, set CISTERN_CACHE: %w", err)
	}

	return filepath.Join(dir, "cistern"), nil
}

// install returns the directory of an entry of the cache. If there is none it
// calls fill with an empty directory, which becomes the entry by one rename:
// an entry is complete, or it does not exist.
func install(
	ctx context.Context, out io.Writer, name, key string, fill func(dir string) error,
) (dir string, cached bool, err error) {
	cache, err := CacheDir()
	if err != nil {
		return "", false, err
	}

	parent := filepath.Join(cache, "tools", name)

	dir = filepath.Join(parent, key)
	if _, err := os.Stat(dir); err == nil {
		return dir, true, nil
	}

	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", false, fmt.Errorf("cannot make the cache: %w", err)
	}

	unlock, err := Lock(ctx, filepath.Join(parent, "lock"), func() {
		fmt.Fprintf(out, "  %-52s another process makes it\n", name)
	})
	if err != nil {
		return "", false, err
	}
	defer unlock()

	if _, err := os.Stat(dir); err == nil { // another process was faster
		return dir, true, nil
	}
	// Under the lock nobody else fills, so a directory of this name is a dead process's.
	tmp := filepath.Join(parent, "unfinished")
	if err := os.RemoveAll(tmp); err != nil {
		return "", false, fmt.Errorf("cannot clean the cache: %w", err)
	}

	if err := os.Mkdir(tmp, 0o755); err != nil {
		return "", false, fmt.Errorf("cannot write to the cache: %w", err)
	}
	defer os.RemoveAll(tmp)

	if err := fill(tmp); err != nil {
		return "", false, err
	}

	if err := os.Rename(tmp, dir); err != nil {
		return "", false, fmt.Errorf("cannot write to the cache: %w", err)
	}

	return dir, false, nil
}

// Lock waits for an exclusive lock on a file, which it makes, and calls busy if
// there is something to wait for. The lock goes with the process that holds it,
// however that one ends.
func Lock(ctx context.Context, file string, busy func()) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot lock: %w", err)
	}

	for first := true; ; first = false {
		// Not the blocking call: that one could not be interrupted.
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}

		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			_ = f.Close()

			return nil, fmt.Errorf("cannot lock %s: %w", file, err)
		}

		if first {
			busy()
		}

		select {
		case <-ctx.Done():
			_ = f.Close()

			return nil, fmt.Errorf("cannot lock %s, another process holds it: %w", file, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
