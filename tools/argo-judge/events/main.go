// What Argo Events itself finds wrong with Sensors, without a cluster. It is built in a copy of Argo's own module.
//
// Each line of the input is a Sensor as JSON; each line of the output is the JSON list of what is wrong with it, in
// words; [] for nothing. Of the two kinds of event bus it is judged for the one that Argo recommends, JetStream.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/reconciler/sensor"
)

func judge(line []byte) []string {
	found := &v1alpha1.Sensor{}
	// An unknown field is an error: Argo would not see it.
	if err := yaml.UnmarshalStrict(line, found); err != nil {
		return []string{err.Error()}
	}
	bus := &v1alpha1.EventBus{Spec: v1alpha1.EventBusSpec{JetStream: &v1alpha1.JetStreamBus{}}}
	if err := sensor.ValidateSensor(found, bus); err != nil {
		return []string{err.Error()}
	}
	return []string{}
}

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, end := input.ReadBytes('\n')
		if len(line) > 0 {
			text, _ := json.Marshal(judge(line))
			fmt.Println(string(text))
		}
		if end != nil {
			return
		}
	}
}
