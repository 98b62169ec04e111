package pinned

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// What is beside the entries of a name in the cache: their lock, and an entry that is being
// made or removed.
const (
	lockFile   = "lock"
	unfinished = "unfinished"
)

// Prune removes all entries of the cache but those to keep, which are keys by names. It
// writes a line on each to out.
func Prune(ctx context.Context, out io.Writer, keep map[string]string) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}

	parents, err := filepath.Glob(filepath.Join(cache, "tools", "*"))
	if err != nil {
		return fmt.Errorf("cannot list the cache: %w", err)
	}

	total := int64(0)

	for _, parent := range parents {
		size, err := pruneName(ctx, out, parent, keep[filepath.Base(parent)])
		if err != nil {
			return fmt.Errorf("cannot prune the cache: %w", err)
		}

		total += size
	}

	fmt.Fprintf(out, "%d MB were removed from %s\n", total>>20, cache)

	return nil
}

// pruneName removes all entries of one name but the one to keep, and returns their size in bytes.
func pruneName(ctx context.Context, out io.Writer, parent, keep string) (int64, error) {
	unlock, err := Lock(ctx, filepath.Join(parent, lockFile), func() {
		fmt.Fprintf(out, "  %-*s waiting for another process that makes it\n", TitleWidth, filepath.Base(parent))
	})
	if err != nil {
		return 0, err
	}
	defer unlock()

	entries, err := os.ReadDir(parent)
	if err != nil {
		return 0, err
	}

	total := int64(0)

	for _, e := range entries {
		if e.Name() == lockFile || e.Name() == keep {
			continue
		}

		dir := filepath.Join(parent, e.Name())
		size := sizeOf(dir)

		if err := removeEntry(parent, e.Name()); err != nil {
			return total, err
		}

		fmt.Fprintf(out, "  %-*s %d MB\n", TitleWidth, filepath.Join(filepath.Base(parent), e.Name()), size>>20)
		total += size
	}

	return total, nil
}

// removeEntry removes an entry by one rename: what is left of it is not taken for an entry.
func removeEntry(parent, name string) error {
	gone := filepath.Join(parent, unfinished)
	if name != unfinished {
		if err := errors.Join(os.RemoveAll(gone), os.Rename(filepath.Join(parent, name), gone)); err != nil {
			return err
		}
	}

	return os.RemoveAll(gone)
}

// sizeOf returns the size of the files in a directory, in bytes.
func sizeOf(dir string) int64 {
	size := int64(0)

	// What cannot be read does not count.
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // As said.
		}

		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}

		return nil
	})

	return size
}
