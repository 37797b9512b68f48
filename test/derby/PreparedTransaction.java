import java.sql.Connection;
import java.sql.Statement;
import javax.sql.XAConnection;
import javax.transaction.xa.XAResource;
import javax.transaction.xa.Xid;
import org.apache.derby.jdbc.EmbeddedXADataSource;

/** Leaves a prepared transaction in a Derby database and dies, as a server does whose transaction manager was to commit it. */
public final class PreparedTransaction {
  public static void main(String[] arguments) throws Exception {
    EmbeddedXADataSource source = new EmbeddedXADataSource();
    source.setDatabaseName(arguments[0]);
    XAConnection connection = source.getXAConnection();
    XAResource resource = connection.getXAResource();
    Xid id = new Id();
    resource.start(id, XAResource.TMNOFLAGS);
    Connection work = connection.getConnection();
    try (Statement statement = work.createStatement()) {
      statement.executeUpdate(arguments[1]);
    }
    resource.end(id, XAResource.TMSUCCESS);
    resource.prepare(id);
    Runtime.getRuntime().halt(0);
  }

  private static final class Id implements Xid {
    @Override
    public int getFormatId() {
      return 7;
    }

    @Override
    public byte[] getGlobalTransactionId() {
      return new byte[] {1, 2, 3};
    }

    @Override
    public byte[] getBranchQualifier() {
      return new byte[] {4};
    }
  }
}
