package pinned

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// cacheDir returns the directory for what outlives a clone: $CISTERN_CACHE, or
// cistern in the user's cache directory.
func cacheDir() (string, error) {
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

// entryDir returns the directory of an entry of the cache, whether it exists or not.
func entryDir(name, key string) (string, error) {
	cache, err := cacheDir()

	return filepath.Join(cache, "tools", name, key), err
}

// Cached returns the directory of an entry of the cache, and reports whether it
// was there before. If it was not, fill is called with an empty directory, which
// becomes the entry by one rename: an entry is complete, or it does not exist.
func Cached(
	ctx context.Context, out io.Writer, name, key string, fill func(dir string) error,
) (dir string, cached bool, err error) {
	if dir, err = entryDir(name, key); err != nil {
		return "", false, err
	}

	if _, err := os.Stat(dir); err == nil {
		return dir, true, nil
	}

	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", false, fmt.Errorf("cannot make the cache: %w", err)
	}

	unlock, err := Lock(ctx, filepath.Join(parent, lockFile), func() {
		fmt.Fprintf(out, "  %-*s waiting for another process that makes it\n", TitleWidth, name)
	})
	if err != nil {
		return "", false, err
	}
	defer unlock()

	if _, err := os.Stat(dir); err == nil { // another process was faster
		return dir, true, nil
	}
	// No other process fills while this one holds the lock: a directory of this
	// name is left from a process that was killed.
	tmp := filepath.Join(parent, unfinished)
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

// Lock waits for an exclusive lock on a file, which it creates. It calls busy
// once if another process holds the lock. The kernel releases the lock when the
// process that holds it ends, in whatever way.
func Lock(ctx context.Context, file string, busy func()) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot lock: %w", err)
	}

	for first := true; ; first = false {
		// A blocking call could not be interrupted.
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
