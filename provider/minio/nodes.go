package minio

import (
	"net/url"

	miniogo "github.com/minio/minio-go/v7"
)

// maxNodes bounds how many nodes of a server are asked. The largest clusters have some hundreds.
const maxNodes = 512

// Nodes returns a client of the S3 API for each node of a server of several, as the last
// successful Check found them; none for a server of one node. Nodes are asked for what each
// keeps to itself, such as the uploads that were begun through it. They need not be reachable
// from here: a server may publish only an address of all of them.
func (s *Server) Nodes() []*miniogo.Client {
	nodes := s.reported().Servers
	if len(nodes) < 2 {
		return nil
	}

	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil
	}

	var clients []*miniogo.Client

	for _, n := range nodes[:min(len(nodes), maxNodes)] {
		if c, err := s.newS3(n.Endpoint, u.Scheme == "https", s.SigningRegion()); err == nil {
			clients = append(clients, c)
		}
	}

	return clients
}
