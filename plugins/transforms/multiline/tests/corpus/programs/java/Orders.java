import java.io.IOException;
import java.util.List;

public class Orders {
    static class PaymentException extends RuntimeException {
        PaymentException(String message, Throwable cause) { super(message, cause); }
    }

    static void connect() throws IOException {
        throw new IOException("Connection refused");
    }

    static void pay() {
        try {
            connect();
        } catch (IOException error) {
            throw new PaymentException("order 7 could not be paid", error);
        }
    }

    static class Door implements AutoCloseable {
        final String name;
        Door(String name) { this.name = name; }
        public void close() throws Exception { throw new IllegalStateException(name + " is stuck"); }
    }

    static void info(String text) {
        System.err.println("2024-11-21 02:45:39.123  INFO 1 --- [main] shop.Orders : " + text);
    }

    public static void main(String[] arguments) throws Exception {
        info("paying");
        try {
            List.of(1).forEach(number -> pay());
        } catch (RuntimeException error) {
            error.printStackTrace();
        }
        info("closing");
        try (Door front = new Door("front door"); Door back = new Door("back door")) {
            pay();
        } catch (Exception error) {
            error.printStackTrace();
        }
        info("several lines");
        new IllegalArgumentException("the order has no items:\n\n  {id: 7}\nplease add one").printStackTrace();
        info("in a circle");
        Exception one = new Exception("one"), two = new Exception("two", one);
        one.initCause(two);
        one.printStackTrace();
        info("shutting down");
        Thread.sleep(10);
        throw new PaymentException("at the end", new Error(new NullPointerException()));
    }
}
