// The HTTPS endpoint of the tests' kubelet stand-in, which the apiserver asks.
//
// `/exec/NAMESPACE/POD/CONTAINER` runs a command in a container, by Kubernetes' own implementation of the streaming
// protocols; Argo's controller ends containers with it. All else (logs) is passed on to the stand-in itself.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	remoteconsts "k8s.io/apimachinery/pkg/util/remotecommand"
	clientremote "k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubelet/pkg/cri/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

const patience = 4 * time.Hour

// executor runs commands in containers. Under its folder, `NAMESPACE_POD/CONTAINER` holds the process id of the program
// whose only child is the container's first process.
type executor struct {
	folder    string
	namespace string
}

func (e executor) ExecInContainer(
	ctx context.Context, pod string, _ types.UID, container string, command []string,
	stdin io.Reader, stdout, stderr io.WriteCloser, _ bool, _ <-chan clientremote.TerminalSize, _ time.Duration,
) error {
	process, err := firstProcess(filepath.Join(e.folder, e.namespace+"_"+pod, container))
	if err != nil {
		return err
	}
	environment, err := os.ReadFile(filepath.Join("/proc", process, "environ"))
	if err != nil {
		return err
	}
	words := []string{"--target", process, "--mount", "--uts", "--net", "--pid", "--root", "--wd", "--"}
	// What enters the namespaces is found on this machine, the command by the container's own variables.
	words = append(words, "env", "-i")
	for _, variable := range strings.Split(strings.TrimRight(string(environment), "\x00"), "\x00") {
		words = append(words, variable)
	}
	run := exec.CommandContext(ctx, "nsenter", append(words, command...)...)
	run.Stdout, run.Stderr = stdout, stderr
	if stdin != nil {
		// Run would wait for the end of what the caller may leave open: it ends with the command.
		pipe, err := run.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(pipe, stdin)
			_ = pipe.Close()
		}()
	}
	err = run.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		return utilexec.CodeExitError{Err: exit, Code: exit.ExitCode()}
	}
	return err
}

func firstProcess(file string) (string, error) {
	parent, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("container does not run: %w", err)
	}
	id := strings.TrimSpace(string(parent))
	children, err := os.ReadFile(filepath.Join("/proc", id, "task", id, "children"))
	if err != nil {
		return "", fmt.Errorf("container does not run: %w", err)
	}
	found := strings.Fields(string(children))
	if len(found) != 1 {
		return "", fmt.Errorf("container has %d first processes", len(found))
	}
	return found[0], nil
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: node-server ADDRESS CERTIFICATE KEY FOLDER STAND-IN-URL")
	}
	address, certificate, key, folder := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	standIn, err := url.Parse(os.Args[5])
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(standIn)
	// Logs that are followed come line by line.
	proxy.FlushInterval = -1
	handler := http.NewServeMux()
	handler.Handle("/", proxy)
	handler.HandleFunc("/exec/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		options, err := remotecommand.NewOptions(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		remotecommand.ServeExec(
			w, r, executor{folder, r.PathValue("namespace")}, r.PathValue("pod"), "", r.PathValue("container"),
			r.URL.Query()["command"], options, patience, time.Minute, remoteconsts.SupportedStreamingProtocols)
	})
	server := http.Server{
		Addr:    address,
		Handler: handler,
		// The streaming protocol is an upgrade of HTTP/1.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	log.Fatal(server.ListenAndServeTLS(certificate, key))
}
