"""Remifentanil in 65 volunteers: predicting each next blood sample of a person never seen."""
