"""What every table is made with."""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

# SQLite only autoincrements INTEGER; PostgreSQL wants BIGINT for the same role.
BigId = BigInteger().with_variant(Integer(), "sqlite")
