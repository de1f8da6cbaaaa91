import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGResultSetMetaData;
import org.postgresql.PGStatement;

import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * What tests want of JDBC: a line of standard input is a command and its arguments, percent-encoded and separated by blanks;
 * the line that answers is `ok` and values, or `error`, SQLSTATE and message.
 */
public class Bridge {
  private Connection connection;
  private Statement running;
  private CompletableFuture<String> outcome;

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    PrintStream out = new PrintStream(System.out, true, UTF_8);
    Bridge bridge = new Bridge();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      List<String> answer = new ArrayList<>();
      try {
        answer.add("ok");
        answer.addAll(bridge.run(words(line)));
      } catch (SQLException e) {
        answer = List.of("error", String.valueOf(e.getSQLState()), e.getMessage());
      } catch (Exception e) {
        answer = List.of("error", "", e.toString());
      }
      List<String> encoded = new ArrayList<>();
      for (String word : answer) encoded.add(URLEncoder.encode(word, UTF_8));
      out.println(String.join(" ", encoded));
    }
  }

  private static List<String> words(String line) {
    List<String> words = new ArrayList<>();
    for (String word : line.split(" ", -1)) words.add(URLDecoder.decode(word, UTF_8));
    return words;
  }

  private List<String> run(List<String> words) throws Exception {
    List<String> args = words.subList(1, words.size());
    switch (words.get(0)) {
      case "open":
        return open(args);
      case "close":
        connection.close();
        return List.of();
      case "query":
        return query(args.get(0));
      case "prepared":
        return prepared(args.get(0), Integer.parseInt(args.get(1)));
      case "bytes":
        return bytes(Integer.parseInt(args.get(0)));
      case "batch":
        return batch(args.get(0), Integer.parseInt(args.get(1)));
      case "rows":
        return rows(args.get(0), Integer.parseInt(args.get(1)));
      case "copyOut":
        return copyOut(args.get(0), args.get(1));
      case "copyIn":
        return copyIn(args.get(0), args.get(1));
      case "transaction":
        connection.setAutoCommit(false);
        return List.of();
      case "rollback":
        connection.rollback();
        connection.setAutoCommit(true);
        return List.of();
      case "notifications":
        return notifications();
      case "start":
        return start(args.get(0));
      case "cancel":
        running.cancel();
        return List.of(outcome.get());
      default:
        throw new IllegalArgumentException(words.get(0));
    }
  }

  /** URL, then names and values of properties. */
  private List<String> open(List<String> args) throws SQLException {
    Properties properties = new Properties();
    for (int i = 1; i + 1 < args.size(); i += 2) properties.setProperty(args.get(i), args.get(i + 1));
    connection = DriverManager.getConnection(args.get(0), properties);
    return List.of();
  }

  /** Runs a statement; the first row of its result, if it has one. */
  private List<String> query(String sql) throws SQLException {
    List<String> row = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      if (!statement.execute(sql)) return row;
      ResultSet result = statement.getResultSet();
      int width = result.getMetaData().getColumnCount();
      if (result.next()) for (int i = 1; i <= width; i++) row.add(String.valueOf(result.getString(i)));
    }
    return row;
  }

  /**
   * A statement with one integer parameter, many times.
   * @return the sum of its results, whether the server has it prepared, and the format of the last result (1: binary)
   */
  private List<String> prepared(String sql, int times) throws SQLException {
    long sum = 0;
    int format = 0;
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 1; i <= times; i++) {
        statement.setInt(1, i);
        try (ResultSet result = statement.executeQuery()) {
          result.next();
          sum += result.getLong(1);
          format = ((PGResultSetMetaData) result.getMetaData()).getFormat(1);
        }
      }
      boolean onServer = ((PGStatement) statement).isUseServerPrepare();
      return List.of(String.valueOf(sum), String.valueOf(onServer), String.valueOf(format));
    }
  }

  /** @return whether so many bytes come back as they went */
  private List<String> bytes(int length) throws SQLException {
    byte[] bytes = new byte[length];
    new java.util.Random(1).nextBytes(bytes);
    try (PreparedStatement statement = connection.prepareStatement("SELECT ?::bytea")) {
      statement.setBytes(1, bytes);
      try (ResultSet result = statement.executeQuery()) {
        result.next();
        return List.of(String.valueOf(Arrays.equals(result.getBytes(1), bytes)));
      }
    }
  }

  /** @return how many rows were inserted */
  private List<String> batch(String insert, int count) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(insert)) {
      for (int i = 0; i < count; i++) {
        statement.setInt(1, i);
        statement.addBatch();
      }
      return List.of(String.valueOf(statement.executeBatch().length));
    }
  }

  /** @return number and sum of a column of integers */
  private List<String> rows(String sql, int fetchSize) throws SQLException {
    long count = 0;
    long sum = 0;
    // A cursor lives in a transaction only.
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(fetchSize);
      try (ResultSet result = statement.executeQuery(sql)) {
        for (; result.next(); count++) sum += result.getInt(1);
      }
    }
    connection.commit();
    connection.setAutoCommit(true);
    return List.of(String.valueOf(count), String.valueOf(sum));
  }

  private List<String> copyOut(String sql, String file) throws Exception {
    try (OutputStream out = new BufferedOutputStream(new FileOutputStream(file))) {
      connection.unwrap(PGConnection.class).getCopyAPI().copyOut(sql, out);
    }
    return List.of();
  }

  private List<String> copyIn(String sql, String file) throws Exception {
    try (FileInputStream in = new FileInputStream(file)) {
      return List.of(String.valueOf(connection.unwrap(PGConnection.class).getCopyAPI().copyIn(sql, in)));
    }
  }

  /** Waits for at least one. @return channel and payload of each */
  private List<String> notifications() throws SQLException {
    List<String> words = new ArrayList<>();
    for (PGNotification each : connection.unwrap(PGConnection.class).getNotifications(0)) {
      words.add(each.getName());
      words.add(each.getParameter());
    }
    return words;
  }

  /** Runs a statement on another thread, for `cancel`. */
  private List<String> start(String sql) throws SQLException {
    running = connection.createStatement();
    outcome = CompletableFuture.supplyAsync(() -> {
      try {
        running.execute(sql);
        return "done";
      } catch (SQLException e) {
        return e.getSQLState();
      }
    });
    return List.of();
  }
}
