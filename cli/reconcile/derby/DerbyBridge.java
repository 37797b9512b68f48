import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/**
 * Lets another process query an embedded Derby database: one JSON object a line in, one a line out, in the same order.
 * In:  {"open":{"folder":"…","properties":{"user":"…"}}} | {"statement":"select …","executions":[["value",null],…]}
 * Out: {"results":[[["value",null],…],…]}, rows by execution | {"states":["XJ040","XSDB6"],"message":"…"}
 * All values are texts. The database is shut down in an orderly way at the end of the input.
 */
public final class DerbyBridge {
  private static final int QUERY_TIMEOUT_SECONDS = 300;

  private Connection connection;
  private String folder;

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream output = new PrintStream(System.out, false, "UTF-8");
    DerbyBridge bridge = new DerbyBridge();
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      output.print(bridge.answer(line));
      output.print('\n');
      output.flush();
    }
    bridge.shutDown();
  }

  private String answer(String line) {
    try {
      Map<?, ?> request = (Map<?, ?>) new JsonReader(line).read();
      Map<?, ?> open = (Map<?, ?>) request.get("open");
      if (open != null) return open((String) open.get("folder"), (Map<?, ?>) open.get("properties"));
      return run((String) request.get("statement"), (List<?>) request.get("executions"));
    } catch (SQLException problem) {
      return failure(problem);
    } catch (RuntimeException problem) {
      return "{\"states\":[],\"message\":" + quote(String.valueOf(problem)) + "}";
    }
  }

  private String open(String path, Map<?, ?> given) throws SQLException {
    Properties properties = new Properties();
    for (Map.Entry<?, ?> entry : given.entrySet()) properties.put(entry.getKey(), entry.getValue());
    connection = DriverManager.getConnection("jdbc:derby:" + path, properties);
    folder = path;
    connection.setReadOnly(true);
    connection.setAutoCommit(false);
    return "{\"results\":[]}";
  }

  private String run(String statement, List<?> executions) throws SQLException {
    StringBuilder answer = new StringBuilder("{\"results\":[");
    try (PreparedStatement prepared = connection.prepareStatement(statement)) {
      prepared.setQueryTimeout(QUERY_TIMEOUT_SECONDS);
      String comma = "";
      for (Object values : executions) {
        answer.append(comma);
        comma = ",";
        execute(prepared, (List<?>) values, answer);
      }
      connection.commit();
    } catch (SQLException problem) {
      connection.rollback();
      throw problem;
    }
    return answer.append("]}").toString();
  }

  private static void execute(PreparedStatement prepared, List<?> values, StringBuilder answer) throws SQLException {
    for (int place = 0; place < values.size(); place++) prepared.setString(place + 1, (String) values.get(place));
    answer.append('[');
    try (ResultSet rows = prepared.executeQuery()) {
      int columns = rows.getMetaData().getColumnCount();
      for (int row = 0; rows.next(); row++) {
        answer.append(row == 0 ? "[" : ",[");
        for (int column = 1; column <= columns; column++) {
          if (column > 1) answer.append(',');
          String value = rows.getString(column);
          answer.append(value == null ? "null" : quote(value));
        }
        answer.append(']');
      }
    }
    answer.append(']');
  }

  /** Derby reports a successful shutdown as an exception (08006). */
  private void shutDown() {
    if (folder == null) return;
    try {
      connection.close();
      DriverManager.getConnection("jdbc:derby:" + folder + ";shutdown=true");
    } catch (SQLException expected) {
      if (!"08006".equals(expected.getSQLState())) System.err.println(expected.getMessage());
    }
  }

  private static String failure(SQLException problem) {
    StringBuilder states = new StringBuilder();
    for (Throwable cause = problem; cause != null; cause = next(cause)) {
      if (!(cause instanceof SQLException)) continue;
      states.append(states.length() == 0 ? "" : ",").append(quote(String.valueOf(((SQLException) cause).getSQLState())));
    }
    return "{\"states\":[" + states + "],\"message\":" + quote(String.valueOf(problem.getMessage())) + "}";
  }

  private static Throwable next(Throwable problem) {
    SQLException following = problem instanceof SQLException ? ((SQLException) problem).getNextException() : null;
    return following != null ? following : problem.getCause();
  }

  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char unit : text.toCharArray()) {
      if (unit == '"' || unit == '\\') quoted.append('\\').append(unit);
      else if (unit < ' ') quoted.append(String.format("\\u%04x", (int) unit));
      else quoted.append(unit);
    }
    return quoted.append('"').toString();
  }

  /** JSON without numbers: objects, arrays, texts and null, as the requests have them. */
  private static final class JsonReader {
    private final String text;
    private int at = 0;

    JsonReader(String text) {
      this.text = text;
    }

    Object read() {
      switch (peek()) {
        case '{':
          return readObject();
        case '[':
          return readArray();
        case '"':
          return readText();
        default:
          for (char unit : "null".toCharArray()) expect(unit);
          return null;
      }
    }

    private Map<String, Object> readObject() {
      Map<String, Object> members = new LinkedHashMap<>();
      for (expect('{'); peek() != '}'; skip(',')) {
        String name = readText();
        expect(':');
        members.put(name, read());
      }
      expect('}');
      return members;
    }

    private List<Object> readArray() {
      List<Object> items = new ArrayList<>();
      for (expect('['); peek() != ']'; skip(',')) items.add(read());
      expect(']');
      return items;
    }

    private String readText() {
      StringBuilder value = new StringBuilder();
      expect('"');
      while (text.charAt(at) != '"') {
        char unit = text.charAt(at++);
        value.append(unit == '\\' ? readEscape() : unit);
      }
      expect('"');
      return value.toString();
    }

    private char readEscape() {
      char escape = text.charAt(at++);
      switch (escape) {
        case 'b':
          return '\b';
        case 'f':
          return '\f';
        case 'n':
          return '\n';
        case 'r':
          return '\r';
        case 't':
          return '\t';
        case 'u':
          at += 4;
          return (char) Integer.parseInt(text.substring(at - 4, at), 16);
        default:
          return escape;
      }
    }

    private char peek() {
      return text.charAt(at);
    }

    private void skip(char unit) {
      if (peek() == unit) at++;
    }

    private void expect(char unit) {
      if (text.charAt(at++) != unit) throw new IllegalArgumentException("expected " + unit + " at " + (at - 1));
    }
  }
}
