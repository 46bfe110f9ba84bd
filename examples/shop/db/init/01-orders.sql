CREATE TABLE orders (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item   text        NOT NULL CHECK (length(item) BETWEEN 1 AND 80),
    placed timestamptz NOT NULL DEFAULT now()
);
