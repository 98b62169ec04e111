package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/package/advisories"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

type advisoriesCmd struct{}

// Run fails if the packages would be built from modules with known holes.
func (advisoriesCmd) Run() error {
	repo, err := tools.RepoDir()
	if err != nil {
		return err
	}

	gomod, err := os.ReadFile(filepath.Join(repo, "go.mod"))
	if err != nil {
		return fmt.Errorf("cannot check the modules: %w", err)
	}

	return advisories.CheckModules(gomod)
}
