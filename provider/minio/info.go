package minio

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/minio/madmin-go/v3"
)

// maxInfo bounds the answer about a server: about two kilobytes for each node and drive.
const maxInfo = 16 << 20

// serverInfo is what the provider needs of a server's answer about itself. It is decoded
// here, because releases of the server and of the SDK disagree on fields that nobody needs.
// Source: the answer to GET /minio/admin/v3/info, of which info_test.go records some.
type serverInfo struct {
	// Region of the server; empty if it accepts any.
	Region string `json:"region"`
	// DeploymentID identifies the server's data.
	DeploymentID string       `json:"deploymentID"`
	Servers      []serverNode `json:"servers"`
}

// serverNode is one node of a server.
type serverNode struct {
	// Endpoint is the host and port at which the other nodes reach it.
	Endpoint string `json:"endpoint"`
	// Version is the release of the node; empty while the node is offline.
	Version string `json:"version"`
}

// infoError is an answer to a request for server information that is not one. Unlike any
// other call, this one succeeds on every server that serves the administration API.
type infoError struct {
	// Status of HTTP.
	Status int
	// Code and Message are those of MinIO, in JSON or XML; empty if the answer is neither.
	Code, Message string
}

func (e *infoError) Error() string {
	if e.Message != "" {
		return e.Message
	}

	if e.Code != "" {
		return e.Code
	}

	return fmt.Sprintf("it answered %d %s", e.Status, http.StatusText(e.Status))
}

// errNoInfo is the error of an answer that is no server information.
var errNoInfo = errors.New("the answer is not that of MinIO's administration API")

// info asks the server about itself, in one plain call.
func (s *Server) info(ctx context.Context) (serverInfo, error) {
	rsp, err := s.Admin.ExecuteMethod(ctx, http.MethodGet, madmin.RequestData{RelPath: "/v3/info"})
	if err != nil {
		return serverInfo{}, err
	}

	defer func() { _ = rsp.Body.Close() }()

	body, err := io.ReadAll(io.LimitReader(rsp.Body, maxInfo))
	if err != nil {
		return serverInfo{}, err
	}

	if rsp.StatusCode != http.StatusOK {
		return serverInfo{}, decodeInfoError(rsp.StatusCode, body)
	}

	return decodeInfo(body)
}

// plain matches the regions and IDs that MinIO has. The region is published in files that clients
// read line by line, and in which other lines may name programs to run.
var plain = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`)

func decodeInfo(body []byte) (serverInfo, error) {
	var info serverInfo
	if err := json.Unmarshal(body, &info); err != nil || !plain.MatchString(info.Region) || !plain.MatchString(info.DeploymentID) {
		return serverInfo{}, errNoInfo
	}

	return info, nil
}

// decodeInfoError returns the error that an answer holds. MinIO writes most errors of this
// call in JSON, but that of a clock in XML.
func decodeInfoError(status int, body []byte) error {
	answer := struct {
		XMLName xml.Name `json:"-"`
		Code    any      `json:"Code" xml:"-"`
		InXML   string   `json:"-" xml:"Code"`
		Message string   `json:"Message" xml:"Message"`
	}{}

	e := &infoError{Status: status}

	switch {
	case json.Unmarshal(body, &answer) == nil:
		// The code of other services may be a number.
		e.Code, _ = answer.Code.(string)
	case xml.Unmarshal(body, &answer) == nil && answer.XMLName.Local == "Error":
		e.Code = answer.InXML
	}

	if e.Code != "" {
		e.Message = answer.Message
	}

	return e
}
