import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.JsonRuleCompiler;
import software.amazon.event.ruler.Machine;

/**
 * What EventBridge's matching engine says of patterns and events.
 *
 * Reads a JSON array of a pattern and an event, both as texts, on each line. Writes for each line true or false, whether
 * the event matches; or a text, why the pattern is none.
 */
public class Judge {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode pair = MAPPER.readTree(line);
            out.println(MAPPER.writeValueAsString(judged(pair.get(0).asText(), pair.get(1).asText())));
        }
    }

    private static Object judged(String pattern, String event) throws Exception {
        String problem = JsonRuleCompiler.check(pattern);
        if (problem != null) {
            return problem;
        }
        Machine machine = new Machine();
        try {
            machine.addRule("rule", pattern);
        } catch (Exception error) {
            return String.valueOf(error.getMessage());
        }
        return !machine.rulesForJSONEvent(event).isEmpty();
    }
}
