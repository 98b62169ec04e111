package minio

import (
	"fmt"
	"slices"
	"strings"
)

// DeploymentID returns the ID of the server's data as the last successful Check found it. It
// stays the same for as long as the server keeps its drives.
func (s *Server) DeploymentID() string { return s.reported().DeploymentID }

// Expect sets the deployment IDs that the server may have, from the next Check on. Empty ones
// are ignored, and without any, every server will do.
func (s *Server) Expect(ids ...string) {
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	s.known.Store(&ids)
}

// changed returns an error if another server answers than was expected. A server that reports
// no ID cannot be distinguished from another.
func (s *Server) changed(info serverInfo) error {
	known := s.known.Load()
	if known == nil || len(*known) == 0 || info.DeploymentID == "" || slices.Contains(*known, info.DeploymentID) {
		return nil
	}

	return fmt.Errorf("its deployment ID is %s, and was %s", info.DeploymentID, strings.Join(*known, " or "))
}
