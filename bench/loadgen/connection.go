package main

// One TLS 1.3 keep-alive connection a worker, the same for both servers. Requests are written and
// answers read by hand with net/http's parser: a client library's pool would only add its own cost.

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
)

type connection struct {
	tls     *tls.Conn
	reader  *bufio.Reader
	address string
}

func dial(address string) (*connection, error) {
	// The generator drives a server that it started itself on loopback a moment ago; who answers is not in question here.
	c, err := tls.Dial("tcp", address, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	return &connection{c, bufio.NewReaderSize(c, 64<<10), address}, nil
}

func (c *connection) exporter() string {
	state := c.tls.ConnectionState()
	return b64.EncodeToString(must(state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)))
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// send does one request; headers are full lines without line ends.
func (c *connection) send(method, path string, body []byte, headers ...string) (answer, error) {
	var request strings.Builder
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, c.address)
	for _, line := range headers {
		request.WriteString(line)
		request.WriteString("\r\n")
	}
	if body != nil {
		fmt.Fprintf(&request, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	request.WriteString("\r\n")
	request.Write(body)
	if _, err := io.WriteString(c.tls, request.String()); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, data}, err
}
