package platform

import (
	"errors"
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// minDisk is what a platform needs on the disk of its output directory, in bytes.
const minDisk = 4 << 30

// preflight returns what would make Up fail after minutes of building, before anything is
// built.
func (o Options) preflight() error {
	var errs []error

	for _, program := range []string{"go", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			errs = append(errs, fmt.Errorf("%s is not in PATH: install it", program))
		}
	}

	var fs unix.Statfs_t
	if err := unix.Statfs(o.OutputDir, &fs); err != nil {
		errs = append(errs, fmt.Errorf("cannot examine the disk of %s: %w", o.OutputDir, err))
	} else if free := fs.Bavail * uint64(fs.Bsize); free < minDisk { //nolint:gosec // It is positive.
		errs = append(errs, fmt.Errorf("the disk of %s has %d MiB left, and a platform needs %d MiB: free some, "+
			"or set CISTERN_OUTPUT_DIR to a directory on another disk", o.OutputDir, free>>20, uint64(minDisk)>>20))
	}

	return errors.Join(errs...)
}
